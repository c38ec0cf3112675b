FROM scratch
LABEL a=1 \
# why
  # and why \
  b=2
