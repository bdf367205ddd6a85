"""Telling people elsewhere what a gate does: Slack and its like, any HTTPS endpoint, e-mail.

What is told is piled up in bounded memory (pile.py), and a thread for each target takes it there
(courier.py). Nothing waits for them; what they lose is in the refusal log and in the ledger.
"""
