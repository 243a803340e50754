#include "late/kinds.h"

#include <assert.h>

/* nsswitch.conf(5) names the modules of NSS, so this table does not have them. */
const struct module_kind module_kinds[] = {
	{"libpam.so.0", "/usr/lib/%s/security/", NULL, false},
	{"libsasl2.so.*", "/usr/lib/%s/sasl2/", NULL, false},
	{"libkrb5.so.*", "/usr/lib/%s/krb5/plugins/", NULL, false},
	{"libp11-kit.so.*", "/usr/lib/%s/pkcs11/", NULL, false},
	{"libcrypto.so.1.1", "/usr/lib/%s/engines-1.1/", NULL, false},
	{"libcrypto.so.3", "/usr/lib/%s/engines-3/", NULL, false},
	{"libcrypto.so.3", "/usr/lib/%s/ossl-modules/", NULL, false},
	/* graphics */
	{"libGL*.so.*", "/usr/lib/%s/dri/", NULL, false},
	{"libGL*.so.*", "/usr/lib/%s/libGLX_*.so.*", NULL, false},
	{"libEGL.so.*", "/usr/lib/%s/libEGL_*.so.*", NULL, false},
	{"libEGL.so.*", "/usr/lib/%s/dri/", NULL, false},
	{"libgbm.so.*", "/usr/lib/%s/dri/", NULL, false},
	{"libva.so.*", "/usr/lib/%s/dri/", NULL, false},
	{"libvdpau.so.*", "/usr/lib/%s/vdpau/", NULL, false},
	{"libvulkan.so.*", "/usr/lib/%s/libvulkan_*.so", NULL, false},
	{"libMagickCore-*.so.*", "/usr/lib/%s/ImageMagick-*/", NULL, false},
	{"libgvc.so.*", "/usr/lib/%s/graphviz/", NULL, false},
	{"Xorg", "/usr/lib/xorg/modules/", NULL, false},
	/* toolkits */
	{"libgtk-x11-2.0.so.*", "/usr/lib/%s/gtk-2.0/", NULL, false},
	{"libgtk-3.so.*", "/usr/lib/%s/gtk-3.0/", NULL, false},
	{"libgtk-4.so.*", "/usr/lib/%s/gtk-4.0/", NULL, false},
	{"libgdk_pixbuf-2.0.so.*", "/usr/lib/%s/gdk-pixbuf-2.0/", NULL, false},
	{"libgio-2.0.so.*", "/usr/lib/%s/gio/", NULL, false},
	{"libQt5Core.so.*", "/usr/lib/%s/qt5/plugins/", NULL, false},
	{"libQt6Core.so.*", "/usr/lib/%s/qt6/plugins/", NULL, false},
	{"libenchant-2.so.*", "/usr/lib/%s/enchant-2/", NULL, false},
	{"libaspell.so.*", "/usr/lib/aspell/", NULL, false},
	/* sound and video */
	{"libgstreamer-1.0.so.*", "/usr/lib/%s/gstreamer-1.0/",
	 "GStreamer records in ~/.cache/gstreamer-1.0 that a plugin does not load, and then no "
	 "program of that user loads it, with or without pins: start this program with "
	 "GST_REGISTRY set to "
	 "another file",
	 false},
	{"libasound.so.*", "/usr/lib/%s/alsa-lib/", NULL, false},
	{"libpipewire-0.3.so.*", "/usr/lib/%s/pipewire-0.3/", NULL, false},
	{"libpipewire-0.3.so.*", "/usr/lib/%s/spa-0.2/", NULL, false},
	{"libvlccore.so.*", "/usr/lib/%s/vlc/plugins/", NULL, false},
	/* languages: by the interpreter's name, and by its library in a program that embeds it */
	{"python3*", "/usr/lib/python3*/", NULL, true},
	{"python3*", "/usr/local/lib/python3*/", NULL, true},
	{"libpython3*.so.*", "/usr/lib/python3*/", NULL, true},
	{"libpython3*.so.*", "/usr/local/lib/python3*/", NULL, true},
	{"perl*", "/usr/lib/%s/perl*/", NULL, true},
	{"perl*", "/usr/local/lib/%s/perl*/", NULL, true},
	{"libperl.so.*", "/usr/lib/%s/perl*/", NULL, true},
	{"libperl.so.*", "/usr/local/lib/%s/perl*/", NULL, true},
	{"libruby*.so.*", "/usr/lib/%s/ruby/", NULL, true}, /* Debian's ruby loads it */
	{"libruby*.so.*", "/usr/lib/%s/rubygems-integration/", NULL, true},
	{"libruby*.so.*", "/usr/lib/ruby/", NULL, true},
	{"libruby*.so.*", "/usr/share/rubygems-integration/", NULL, true},
	{"libruby*.so.*", "/var/lib/gems/*/extensions/", NULL, true},
	{"php[0-9]*", "/usr/lib/php/20*/", NULL, true},
	{"php[0-9]*", "/usr/share/php/", NULL, true},
	{"php-*[0-9]*", "/usr/lib/php/20*/", NULL, true}, /* php-fpm8.2, php-cgi8.2 */
	{"libphp*.so*", "/usr/lib/php/20*/", NULL, true},
	{"node", "/usr/lib/%s/nodejs/", NULL, true},
	{"node", "/usr/lib/nodejs/", NULL, true},
	{"node", "/usr/share/nodejs/", NULL, true},
	{"node", "/usr/local/lib/node_modules/", NULL, true},
	{"libR.so", "/usr/lib/R/", NULL, true},
	{"libR.so", "/usr/local/lib/R/", NULL, true},
	{"liblua5*.so.*", "/usr/lib/%s/lua/", NULL, true},
	{"libtcl8*.so*", "/usr/lib/tcltk/", NULL, true},
	{"libguile-*.so.*", "/usr/lib/%s/guile/", NULL, true},
	/* servers */
	{"apache2", "/usr/lib/apache2/modules/", NULL, false},
	{"apache2", "/usr/lib/php/20*/", NULL, false}, /* by its libphp */
	{"nginx", "/usr/lib/nginx/modules/", NULL, false},
	{"postgres", "/usr/lib/postgresql/*/lib/", NULL, false},
	{"mariadbd", "/usr/lib/mysql/plugin/", NULL, false},
	{"slapd", "/usr/lib/ldap/", NULL, false},
	{"rsyslogd", "/usr/lib/%s/rsyslog/", NULL, false},
};

static_assert(sizeof module_kinds / sizeof *module_kinds <= MODULE_KINDS_MAX, "the table fits");

size_t module_kinds_count(void)
{
	return sizeof module_kinds / sizeof *module_kinds;
}
