-- The schema registry keeps its schemas and their ids beside the platform's database.
CREATE DATABASE registry;
