"""The processes that hold the models: what runs in them, and the side that gives them tasks."""
