//! Which addresses may be dialled for a name.
//!
//! The lists are those of the IANA registries of special-purpose addresses, and the metadata services of the clouds that lie
//! outside of the link-local range. For IPv6 the list is of what is allowed: an address out of no known range is refused.
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    pin::Pin,
};

/// Asks for the addresses of a name.
pub(crate) trait Resolve: Send + Sync {
    /// All addresses, in the order to try them.
    fn resolve(&self, name: String) -> Resolving;
}

/// The answer of a [`Resolve`].
pub(crate) type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// The resolver of the operating system.
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: String) -> Resolving {
        Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// How far an address is from everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Of the open internet.
    Public,
    /// A private range, which the administrator may open as a whole.
    Private,
    /// This machine, its link, or a service of the cloud under it: reached only by a grant that spells it out.
    Local(&'static str),
    /// Reached by nobody: not the address of one machine, or a second spelling of another address.
    Never(&'static str),
}

/// Metadata services that are outside of the link-local range, in Alibaba Cloud, Azure, Oracle Cloud, AWS and Google Cloud.
/// What they answer without asking is a login of this machine.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Judges an address.
pub(crate) fn reach(address: IpAddr) -> Reach {
    if METADATA.contains(&address) {
        return Reach::Local("a metadata service");
    }
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [0, ..] => Reach::Never("an unspecified address"),
        [127, ..] => Reach::Local("a loopback address"),
        [169, 254, ..] => Reach::Local("a link-local address"),
        // Carrier-grade NAT: clusters take it for pods where private ranges run out.
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Reach::Private,
        [192, 0, 0, _] | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18 | 19, ..] | [192, 88, 99, _] => {
            Reach::Never("a reserved address")
        }
        [224..=239, ..] => Reach::Never("a multicast address"),
        [240..=255, ..] => Reach::Never("a reserved address"),
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Never("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Local("a loopback address"),
        [0xfe80..=0xfebf, ..] => Reach::Local("a link-local address"),
        [0xfc00..=0xfdff, ..] => Reach::Private,
        [0xff00..=0xffff, ..] => Reach::Never("a multicast address"),
        // Compatible, mapped, translated (64:ff9b::/32 holds both prefixes of NAT64), Teredo, 6to4.
        [0, 0, 0, 0, 0, 0, ..]
        | [0, 0, 0, 0, 0, 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, ..]
        | [0x2001, 0, ..]
        | [0x2002, ..] => Reach::Never("an IPv4 address in an IPv6 one"),
        // 2001::/23 is kept for protocols; 2001:db8::/32 and 3fff::/20 for documents.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Never("a reserved address"),
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never("a reserved address"),
    }
}

/// Keeps of the addresses of a name those that may be dialled.
///
/// # Errors
/// What the first address was, if none is left, and what to do about it.
pub(crate) fn vet(addresses: &[IpAddr], private: bool) -> Result<Vec<IpAddr>, (&'static str, &'static str)> {
    let dialled = |address: &IpAddr| match reach(*address) {
        Reach::Public => true,
        Reach::Private => private,
        Reach::Local(_) | Reach::Never(_) => false,
    };
    let kept: Vec<_> = addresses.iter().copied().filter(dialled).collect();
    let Some(first) = addresses.first().filter(|_| kept.is_empty()) else { return Ok(kept) };
    Err(match reach(*first) {
        Reach::Public | Reach::Private => ("private addresses", "the administrator can allow them for all plugins"),
        Reach::Local(kind) => (kind, "a grant must spell the address out"),
        Reach::Never(kind) => (kind, "no grant can allow it"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_told_apart() {
        let kind = |text: &str| reach(text.parse().unwrap());
        for address in
            ["1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "223.255.255.255", "192.167.0.1"]
        {
            assert_eq!(kind(address), Reach::Public, "{address}");
        }
        for address in ["2606:4700::1111", "2a00:1450::1", "2001:4860::8888", "2001:200::1"] {
            assert_eq!(kind(address), Reach::Public, "{address}");
        }
        for address in ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255", "fc00::1", "fd12::1"] {
            assert_eq!(kind(address), Reach::Private, "{address}");
        }
        for address in ["127.0.0.1", "127.255.255.255", "169.254.0.1", "169.254.169.254", "::1", "fe80::1", "febf::1"] {
            assert!(matches!(kind(address), Reach::Local(_)), "{address}");
        }
        for address in ["100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"] {
            assert_eq!(kind(address), Reach::Local("a metadata service"), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "::",
            "ff02::1",
            "fec0::1",
            "2001:db8::1",
            "3fff::1",
            "2001::1",
            "100::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(matches!(kind(address), Reach::Never(_)), "{address}");
        }
    }

    #[test]
    fn a_name_leads_to_private_addresses_only_where_they_are_opened_and_never_to_this_machine() {
        let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let mixed = addresses(&["127.0.0.1", "10.0.0.1", "1.1.1.1", "fe80::1", "169.254.169.254", "::ffff:10.0.0.1"]);
        assert_eq!(vet(&mixed, false), Ok(addresses(&["1.1.1.1"])));
        assert_eq!(vet(&mixed, true), Ok(addresses(&["10.0.0.1", "1.1.1.1"])));
        assert_eq!(vet(&addresses(&["10.0.0.1"]), false).unwrap_err().0, "private addresses");
        assert_eq!(vet(&addresses(&["127.0.0.1"]), true).unwrap_err().0, "a loopback address");
        assert_eq!(vet(&addresses(&["100.100.100.200"]), true).unwrap_err().0, "a metadata service");
        assert_eq!(vet(&[], true), Ok(vec![]));
    }

    proptest! {
        /// However an IPv4 address is written into an IPv6 one, no name leads there.
        #[test]
        fn an_address_within_another_is_never_dialled(bits in any::<u32>(), low in any::<u64>()) {
            let [a, b, c, d] = bits.to_be_bytes();
            let (high, rest) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let tail = (low & 0xffff) as u16;
            for address in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, rest),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, rest),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, rest),
                Ipv6Addr::new(0x64, 0xff9b, 1, tail, 0, 0, high, rest),
                Ipv6Addr::new(0x2002, high, rest, tail, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, high, rest, 0, 0, 0, tail),
            ] {
                prop_assert!(vet(&[address.into()], true).is_err(), "{}", address);
            }
            // ::1 and :: are compatible forms too.
            prop_assert!(vet(&[Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, rest).into()], true).is_err());
        }

        /// The classes agree with those of the standard library, as far as it has them.
        #[test]
        fn nothing_that_the_standard_library_calls_special_is_public(bits in any::<u32>(), wide in any::<u128>()) {
            let address = Ipv4Addr::from(bits);
            if address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast() || address.is_broadcast() || address.is_documentation() || address.is_unspecified() {
                prop_assert_ne!(reach(address.into()), Reach::Public);
            }
            for address in [Ipv6Addr::from(wide), Ipv6Addr::from(wide >> 64), Ipv6Addr::from(wide | 0xfc << 120), Ipv6Addr::from(wide | 0xfe << 120)] {
                if address.is_loopback() || address.is_multicast() || address.is_unspecified() || address.is_unique_local() || address.is_unicast_link_local() || address.to_ipv4().is_some() {
                    prop_assert_ne!(reach(address.into()), Reach::Public);
                }
            }
        }
    }
}
