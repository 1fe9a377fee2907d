"""python -m attribution_site.embedded status | stop"""

import sys

from attribution_site import embedded
from attribution_site.embedded import keeper


def main(arguments):
    match arguments:
        case ["status"]:
            print("\n".join(embedded.status()))
        case ["stop"]:
            print("\n".join(embedded.stop()))
        case ["keeper", name, lock_fd]:
            keeper.detach_and_keep(name, int(lock_fd))
        case _:
            return __doc__
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except embedded.StackError as error:
        sys.exit(str(error))
