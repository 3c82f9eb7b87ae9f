"""Constants of Kazoo 4.3's crossbar."""

VERSION = "4.3.143"
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")
# The nouns of crossbar's modules, whether they are loaded or not.
_NOUNS = """
    about access_lists accounts acls alerts allotments api_auth apps_link apps_store auth blacklists callflows
    cdrs channels clicktocall comments conferences configs connectivity contact_list devices dialplans directories
    faxboxes faxes global_resources groups hotdesks ips ledgers limits lists local_resources media menus metaflows
    migrations multi_factor notifications onboard parked_calls phone_numbers pivot port_requests presence profile
    quickcall rate_limits rates recordings registrations resource_selectors resource_templates resources schemas
    search security services shared_auth sms storage sup system_configs tasks templates temporal_rules
    temporal_rules_sets token_auth token_restrictions transactions ubiquiti_auth user_auth users vmboxes webhooks
    websockets whitelabel
"""
KAZOO_NOUNS = frozenset(_NOUNS.split())
