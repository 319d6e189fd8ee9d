"""When the agent speaks and when it listens: rules alone, no clock, no task, no input or output.

`machine.TurnMachine` takes what happened (`inputs`) and says what is to be done (`actions`).
"""
