"""The extent of a focus: how much calcium there is, over what volume, and how sure that is."""
