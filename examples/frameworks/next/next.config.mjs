/** Node loads the package as it is, so that the build need not bundle it. */
export default { serverExternalPackages: ['resilient-proxy-out'] };
