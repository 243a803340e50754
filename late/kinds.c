#include "late/kinds.h"

#include <assert.h>

/* nsswitch.conf(5) names the modules of NSS, so this table does not have them. */
const struct module_kind module_kinds[] = {
	{"libpam.so.0", "/usr/lib/%s/security/", NULL},
	{"libsasl2.so.*", "/usr/lib/%s/sasl2/", NULL},
	{"libkrb5.so.*", "/usr/lib/%s/krb5/plugins/", NULL},
	{"libp11-kit.so.*", "/usr/lib/%s/pkcs11/", NULL},
	{"libcrypto.so.1.1", "/usr/lib/%s/engines-1.1/", NULL},
	{"libcrypto.so.3", "/usr/lib/%s/engines-3/", NULL},
	{"libcrypto.so.3", "/usr/lib/%s/ossl-modules/", NULL},
	/* graphics */
	{"libGL*.so.*", "/usr/lib/%s/dri/", NULL},
	{"libGL*.so.*", "/usr/lib/%s/libGLX_*.so.*", NULL},
	{"libEGL.so.*", "/usr/lib/%s/libEGL_*.so.*", NULL},
	{"libEGL.so.*", "/usr/lib/%s/dri/", NULL},
	{"libgbm.so.*", "/usr/lib/%s/dri/", NULL},
	{"libva.so.*", "/usr/lib/%s/dri/", NULL},
	{"libvdpau.so.*", "/usr/lib/%s/vdpau/", NULL},
	{"libvulkan.so.*", "/usr/lib/%s/libvulkan_*.so", NULL},
	{"libMagickCore-*.so.*", "/usr/lib/%s/ImageMagick-*/", NULL},
	{"libgvc.so.*", "/usr/lib/%s/graphviz/", NULL},
	{"Xorg", "/usr/lib/xorg/modules/", NULL},
	/* toolkits */
	{"libgtk-x11-2.0.so.*", "/usr/lib/%s/gtk-2.0/", NULL},
	{"libgtk-3.so.*", "/usr/lib/%s/gtk-3.0/", NULL},
	{"libgtk-4.so.*", "/usr/lib/%s/gtk-4.0/", NULL},
	{"libgdk_pixbuf-2.0.so.*", "/usr/lib/%s/gdk-pixbuf-2.0/", NULL},
	{"libgio-2.0.so.*", "/usr/lib/%s/gio/", NULL},
	{"libQt5Core.so.*", "/usr/lib/%s/qt5/plugins/", NULL},
	{"libQt6Core.so.*", "/usr/lib/%s/qt6/plugins/", NULL},
	{"libenchant-2.so.*", "/usr/lib/%s/enchant-2/", NULL},
	{"libaspell.so.*", "/usr/lib/aspell/", NULL},
	/* sound and video */
	{"libgstreamer-1.0.so.*", "/usr/lib/%s/gstreamer-1.0/",
	 "GStreamer records in ~/.cache/gstreamer-1.0 that a plugin does not load, and then no "
	 "program of that user loads it, with or without pins: start this program with "
	 "GST_REGISTRY set to "
	 "another file"},
	{"libasound.so.*", "/usr/lib/%s/alsa-lib/", NULL},
	{"libpipewire-0.3.so.*", "/usr/lib/%s/pipewire-0.3/", NULL},
	{"libpipewire-0.3.so.*", "/usr/lib/%s/spa-0.2/", NULL},
	{"libvlccore.so.*", "/usr/lib/%s/vlc/plugins/", NULL},
	/* languages: by the interpreter's name, and by its library in a program that embeds it */
	{"python3*", "/usr/lib/python3*/", NULL},
	{"python3*", "/usr/local/lib/python3*/", NULL},
	{"libpython3*.so.*", "/usr/lib/python3*/", NULL},
	{"libpython3*.so.*", "/usr/local/lib/python3*/", NULL},
	{"perl*", "/usr/lib/%s/perl*/", NULL},
	{"perl*", "/usr/local/lib/%s/perl*/", NULL},
	{"libperl.so.*", "/usr/lib/%s/perl*/", NULL},
	{"libperl.so.*", "/usr/local/lib/%s/perl*/", NULL},
	{"libruby*.so.*", "/usr/lib/%s/ruby/", NULL}, /* Debian's ruby loads it */
	{"libruby*.so.*", "/usr/lib/%s/rubygems-integration/", NULL},
	{"libruby*.so.*", "/usr/lib/ruby/gems/*/extensions/", NULL},
	{"libruby*.so.*", "/var/lib/gems/*/extensions/", NULL},
	{"php[0-9]*", "/usr/lib/php/20*/", NULL},
	{"php-*[0-9]*", "/usr/lib/php/20*/", NULL}, /* php-fpm8.2, php-cgi8.2 */
	{"libphp*.so*", "/usr/lib/php/20*/", NULL},
	{"node", "/usr/lib/%s/nodejs/", NULL},
	{"node", "/usr/lib/nodejs/", NULL},
	{"node", "/usr/share/nodejs/", NULL},
	{"node", "/usr/local/lib/node_modules/", NULL},
	{"libR.so", "/usr/lib/R/", NULL},
	{"libR.so", "/usr/local/lib/R/", NULL},
	{"liblua5*.so.*", "/usr/lib/%s/lua/", NULL},
	{"libtcl8*.so*", "/usr/lib/tcltk/", NULL},
	{"libguile-*.so.*", "/usr/lib/%s/guile/", NULL},
	/* servers */
	{"apache2", "/usr/lib/apache2/modules/", NULL},
	{"apache2", "/usr/lib/php/20*/", NULL}, /* by its libphp */
	{"nginx", "/usr/lib/nginx/modules/", NULL},
	{"postgres", "/usr/lib/postgresql/*/lib/", NULL},
	{"mariadbd", "/usr/lib/mysql/plugin/", NULL},
	{"slapd", "/usr/lib/ldap/", NULL},
	{"rsyslogd", "/usr/lib/%s/rsyslog/", NULL},
};

static_assert(sizeof module_kinds / sizeof *module_kinds <= MODULE_KINDS_MAX, "the table fits");

size_t module_kinds_count(void)
{
	return sizeof module_kinds / sizeof *module_kinds;
}
