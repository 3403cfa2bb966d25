"""hepalith: the open reader of intrahepatic calcification."""

__version__ = "0.1.0"
