-- People start jobs, too.
COMMENT ON COLUMN jobs.created_by IS 'Key id of the reader, or user id of the person, who asked for it; open with AUTH_MODE=open';
COMMENT ON COLUMN jobs.cancelled_by IS 'Key id of the reader, or user id of the person, who cancelled it';
