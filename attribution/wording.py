"""How models and their parameters are explained to people, in the API and in the back office."""

HOW_IT_SHARES = {
    "first_touch": "All of the credit goes to the first touch.",
    "last_touch": "All of the credit goes to the last touch.",
    "linear": "Every touch gets the same share.",
    "time_decay": "The nearer a touch is to the conversion, the more it gets: a half-life earlier counts half.",
    "position_based": "The first and the last touch get the most, those between them share the rest.",
    "data_driven": "By how much conversions would drop without a touch's channel, learnt from all journeys.",
}

# What each model reads beside the rules for the journey, which are the same for all.
PATH_PARAMETERS = (
    "lookback_days",
    "lookback_days_by_type",
    "lookback_steps",
    "excluded_channels",
    "exclude_direct",
    "collapse_repeats",
    "restart_after_conversion",
)
TRAINING_PARAMETERS = ("states", "markov_order", "weigh_by", "training_days", "minimum_conversions")
OWN_PARAMETERS = {
    "time_decay": ("half_life_days",),
    "position_based": ("position_weights",),
    # Journeys of which training knows nothing are shared by position.
    "data_driven": (*TRAINING_PARAMETERS, "position_weights"),
}


def parameters_of(model):
    """Names of the parameters that change what the model does, in the order in which they are shown."""
    return (*PATH_PARAMETERS, *OWN_PARAMETERS.get(model, ()))
