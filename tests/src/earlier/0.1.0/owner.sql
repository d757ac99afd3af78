-- What a sink that has the owner's account of 0.1.0 asks of the database. A newer database has to answer it: never change this file.

SELECT drop_chunks('metrics', older_than => now() - drop_after)
  FROM data_lifecycle WHERE relation = 'metrics';
