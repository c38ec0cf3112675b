FROM scratch
CMD exec app --port $PORT 'as it is
