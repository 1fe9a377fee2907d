from touchpoints.importing.command import ImportCommand
from touchpoints.importing.touchpoints import TOUCHPOINTS


class Command(ImportCommand):
    help = "Import touchpoints from a csv, csv.gz or parquet file. docs/importing.md tells how."
    kind = TOUCHPOINTS
