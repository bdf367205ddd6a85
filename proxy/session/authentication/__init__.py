"""Who a client is, and as whom the gate logs in for it.

Enters: the startup packet, credentials that app has looked up, what client and server say. Leaves: messages
    to both, or a LoginRefused. Three ways: the login is relayed, the client proves that it knows the password
    that a verifier stands for (SCRAM), or it hands over its password.
Absent: where verifiers and passwords are kept (app), and what follows AuthenticationOk (opening).
"""
