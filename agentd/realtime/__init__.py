"""Speech to speech: the interface of models that hear and speak by themselves."""
