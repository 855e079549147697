// control-plane runs one part of a Kubernetes control plane: etcd, kube-apiserver or kube-controller-manager, each from
// its published Go module. For development and tests only: etcd does not sync to disk.
package main

import (
	"fmt"
	"net/url"
	"os"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

const usage = "usage: control-plane etcd DIR CLIENT_URL PEER_URL | kube-apiserver FLAGS… | kube-controller-manager FLAGS…"

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	part, rest := os.Args[1], os.Args[2:]
	switch {
	case part == "etcd" && len(rest) == 3:
		if err := etcd(rest[0], rest[1], rest[2]); err != nil {
			fmt.Fprintln(os.Stderr, "etcd:", err)
			os.Exit(1)
		}
	case part == "kube-apiserver":
		os.Args = append([]string{part}, rest...)
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case part == "kube-controller-manager":
		os.Args = append([]string{part}, rest...)
		os.Exit(cli.Run(controllers.NewControllerManagerCommand()))
	default:
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
}

func etcd(dir, client, peer string) error {
	c, err := url.Parse(client)
	if err != nil {
		return err
	}
	p, err := url.Parse(peer)
	if err != nil {
		return err
	}
	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{*c}, []url.URL{*c}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{*p}, []url.URL{*p}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.LogLevel = "error"
	cfg.UnsafeNoFsync = true
	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	<-e.Server.ReadyNotify()
	fmt.Println("ready")
	return <-e.Err()
}
