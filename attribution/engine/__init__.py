"""Attribution as arithmetic on arrays: no database, no clock, no Django.

journeys → models (weights) → cents (credit and money); `credit.attribute` is the whole way.
"""
