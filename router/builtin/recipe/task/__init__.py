"""The tasks the model learns, one file each: every one writes turns (prompt and answer) from its grammar."""
