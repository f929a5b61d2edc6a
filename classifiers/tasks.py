"""The closed list of task labels that a policy may name."""

TASKS = (
    "sentiment",
    "extraction",
    "classification",
    "translation",
    "summarization",
    "generation",
    "question_answering",
    "code",
    "mathematics",
    "reasoning",
    "chat",
)
