"""Shows compiled pipelines to people: pictures and listings."""
