"""The tools that the model is offered."""
