"""The policy language and its judgement."""
