from conversions.importing import CONVERSIONS
from touchpoints.importing.command import ImportCommand


class Command(ImportCommand):
    help = "Import conversions from a csv, csv.gz or parquet file. docs/importing.md tells how."
    kind = CONVERSIONS
