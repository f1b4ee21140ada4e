"""Shows compiled pipelines to people: pictures and listings.

It never reads a configuration file and never changes what it shows.
"""
