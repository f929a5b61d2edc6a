"""OpenAI's legacy completions: a text is continued, without turns and without a chat template where the model is local."""
