-- Sends the CT and ultrasound series of a study to hepalith, once nothing new has come for "StableAge" seconds.
-- How many instances were sent is kept with the series: what hepalith sends back makes the study stable again,
-- and nothing is sent a second time. A series that grew is sent again, so that it is read again.
-- A study that hepalith could not take is tried again with the next one.

local mark = 'SentToHepalith'
local waiting = {}

local function send(series)
  local said = ParseJson(RestApiGet('/series/' .. series))
  local modality = said['MainDicomTags']['Modality']
  local count = tostring(#said['Instances'])
  local sent = ParseJson(RestApiGet('/series/' .. series .. '/metadata?expand'))[mark]
  if (modality ~= 'CT' and modality ~= 'US') or sent == count then
    return true
  end
  if RestApiPost('/modalities/hepalith/store', series) == nil then
    return false
  end
  RestApiPut('/series/' .. series .. '/metadata/' .. mark, count)
  return true
end

function OnStableStudy(study)
  waiting[study] = true
  for one in pairs(waiting) do
    local held = RestApiGet('/studies/' .. one)
    local all = true
    if held ~= nil then
      for _, series in ipairs(ParseJson(held)['Series']) do
        all = send(series) and all
      end
    end
    if all then
      waiting[one] = nil
    end
  end
end
