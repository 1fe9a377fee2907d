"""Telling other systems what happened: signed messages, sent until they arrive or it is hopeless.

`outbox.publish` writes messages in the transaction of what they tell of; `sending` sends them from there.
"""
