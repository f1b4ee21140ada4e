"""What is put beside exported DAGs; nothing of the engine imports it.

It never imports the engine: it runs where Airflow does.
"""
