"""Pages of the site that are made at every build, from the code and from files beside ``docs/``."""
