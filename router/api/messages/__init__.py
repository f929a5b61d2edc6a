"""Anthropic's Messages API: its request translated to the internal one, and the events framed as its messages."""
