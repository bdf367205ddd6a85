"""sql/: a statement's text in, its effects out. Knows the grammar; knows no policy, session or socket."""
