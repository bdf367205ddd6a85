"""The change log as people read it: chosen, written as Markdown and JSON, and put into a table."""
