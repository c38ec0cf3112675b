# check=skip=JSONArgsRecommended;error=true
FROM scratch
CMD run
