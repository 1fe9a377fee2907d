from hypothesis import settings

# A busy machine is no bug: these tests time nothing.
settings.register_profile("engine", deadline=None)
settings.load_profile("engine")
