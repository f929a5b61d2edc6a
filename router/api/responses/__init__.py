"""OpenAI's Responses API: its items translated to the internal request, and the events framed as its stream."""
