"""End of turn: the interface of models that judge whether somebody has finished speaking."""
