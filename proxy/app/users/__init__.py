"""The users that the gate knows: a file of verifiers, a query for those of the server, passwords of roles.

Enters: settings, files, the server's answer. Leaves: credentials for sessions, and the file's lines for
commands. Deliberately absent: what is done with a credential (session).
"""
