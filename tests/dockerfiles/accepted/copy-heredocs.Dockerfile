FROM scratch
COPY <<one <<two /texts/
the first
one
the second
two
