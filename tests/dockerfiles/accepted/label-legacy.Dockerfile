FROM scratch
LABEL note one two
