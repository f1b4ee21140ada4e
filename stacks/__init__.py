"""Units of deployment, the settings that shape them, and what decides whether they are made anew.

A stack holds no logic: it connects constructs.
"""
