"""The difficulty classifier: P(the small model is good enough), a task label, and why."""
