"""What the classifier is worth on the user's own prompts: calibrate, train, evaluate."""
