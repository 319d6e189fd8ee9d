"""Language models: what is said to them, what they stream, tools, and a plugin's interface.

History (`chat`), functions that a model may call (`tools`, `schema`), one reply (`stream`) and
several models in a row (`fallback`). What a session or a room is, is not known here.
"""
