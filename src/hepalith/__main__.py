"""`python -m hepalith`."""

from hepalith.cli import main

raise SystemExit(main())
