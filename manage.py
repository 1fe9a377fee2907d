#!/usr/bin/env python
"""Django's command line."""

import os
import sys


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attribution_site.settings")
    from django.core.management import execute_from_command_line

    from attribution_site.audit.context import command

    with command(sys.argv):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
