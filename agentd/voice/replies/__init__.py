"""One reply: the prompt, the model, its calls, its words as sound and as text."""
