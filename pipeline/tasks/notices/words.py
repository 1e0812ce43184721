"""The words of mails in six languages. Pure. Messages of failures and warnings stay in English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Sentences of a mail; {name} and the like are filled in. `page` is for one page, `pages` for more."""

    ready_subject: str
    failed_subject: str
    ready: str
    ready_in_volumes: str
    page: str
    pages: str
    file: str
    index: str
    unreadable: str
    more: str
    note: str
    more_notes: str
    failed: str
    download: str
    index_of_volumes: str
    volume: str
    all_volumes: str
    until: str
    sign_in: str
    signed: str
    back: str


WORDS: Mapping[str, Words] = {
    "en": Words(
        ready_subject="Ready: {name}",
        failed_subject="Failed: {name}",
        ready="{name} is ready: {pages}, {size}.",
        ready_in_volumes="{name} is ready: {pages} in {volumes} volumes, {size}.",
        page="{count} page",
        pages="{count} pages",
        file="File: {name}",
        index="Index: {name}",
        unreadable="{count} of {records} inputs could not be read:",
        more="and {count} more",
        note="Note: {text}",
        more_notes="and {count} more notes",
        failed="{name}, requested on {moment}, failed.",
        download="Download",
        index_of_volumes="Index of the volumes",
        volume="Volume {number} of {count} (pages {first}-{last}, {size})",
        all_volumes="All {count} volumes",
        until="Available until {day}.",
        sign_in="You must be signed in.",
        signed="Anyone with this link can open the file. Share it only with people who may see it.",
        back="Back to {host}",
    ),
    "de": Words(
        ready_subject="Fertig: {name}",
        failed_subject="Fehlgeschlagen: {name}",
        ready="{name} ist fertig: {pages}, {size}.",
        ready_in_volumes="{name} ist fertig: {pages} in {volumes} Bänden, {size}.",
        page="{count} Seite",
        pages="{count} Seiten",
        file="Datei: {name}",
        index="Übersicht: {name}",
        unreadable="{count} von {records} Eingaben waren nicht lesbar:",
        more="und {count} weitere",
        note="Hinweis: {text}",
        more_notes="und {count} weitere Hinweise",
        failed="{name}, angefordert am {moment}, ist fehlgeschlagen.",
        download="Herunterladen",
        index_of_volumes="Übersicht der Bände",
        volume="Band {number} von {count} (Seiten {first}-{last}, {size})",
        all_volumes="Alle {count} Bände",
        until="Verfügbar bis {day}.",
        sign_in="Sie müssen angemeldet sein.",
        signed="Wer diesen Link hat, kann die Datei öffnen. Geben Sie ihn nur an Berechtigte weiter.",
        back="Zurück zu {host}",
    ),
    "fr": Words(
        ready_subject="Prêt : {name}",
        failed_subject="Échec : {name}",
        ready="{name} est prêt : {pages}, {size}.",
        ready_in_volumes="{name} est prêt : {pages} en {volumes} volumes, {size}.",
        page="{count} page",
        pages="{count} pages",
        file="Fichier : {name}",
        index="Index : {name}",
        unreadable="{count} entrées sur {records} n'ont pas pu être lues :",
        more="et {count} autres",
        note="Remarque : {text}",
        more_notes="et {count} autres remarques",
        failed="{name}, demandé le {moment}, a échoué.",
        download="Télécharger",
        index_of_volumes="Index des volumes",
        volume="Volume {number} sur {count} (pages {first}-{last}, {size})",
        all_volumes="Les {count} volumes",
        until="Disponible jusqu'au {day}.",
        sign_in="Vous devez être connecté.",
        signed="Toute personne disposant de ce lien peut ouvrir le fichier. Ne le partagez qu'avec les personnes"
        " autorisées.",
        back="Retour à {host}",
    ),
    "es": Words(
        ready_subject="Listo: {name}",
        failed_subject="Error: {name}",
        ready="{name} está listo: {pages}, {size}.",
        ready_in_volumes="{name} está listo: {pages} en {volumes} volúmenes, {size}.",
        page="{count} página",
        pages="{count} páginas",
        file="Archivo: {name}",
        index="Índice: {name}",
        unreadable="No se pudieron leer {count} de {records} entradas:",
        more="y {count} más",
        note="Nota: {text}",
        more_notes="y {count} notas más",
        failed="{name}, solicitado el {moment}, ha fallado.",
        download="Descargar",
        index_of_volumes="Índice de los volúmenes",
        volume="Volumen {number} de {count} (páginas {first}-{last}, {size})",
        all_volumes="Los {count} volúmenes",
        until="Disponible hasta el {day}.",
        sign_in="Debe iniciar sesión.",
        signed="Cualquiera que tenga este enlace puede abrir el archivo. Compártalo solo con personas autorizadas.",
        back="Volver a {host}",
    ),
    "ko": Words(
        ready_subject="완료: {name}",
        failed_subject="실패: {name}",
        ready="{name} 문서가 준비되었습니다: {pages}, {size}.",
        ready_in_volumes="{name} 문서가 준비되었습니다: {pages}, {volumes}권, {size}.",
        page="{count}쪽",
        pages="{count}쪽",
        file="파일: {name}",
        index="목차: {name}",
        unreadable="입력 {records}개 중 {count}개를 읽지 못했습니다:",
        more="외 {count}개",
        note="참고: {text}",
        more_notes="참고 사항 외 {count}개",
        failed="{moment}에 요청한 {name} 문서를 만들지 못했습니다.",
        download="다운로드",
        index_of_volumes="전체 목차",
        volume="{count}권 중 제{number}권 ({first}-{last}쪽, {size})",
        all_volumes="전체 {count}권",
        until="{day}까지 받을 수 있습니다.",
        sign_in="로그인이 필요합니다.",
        signed="이 링크가 있으면 누구나 파일을 열 수 있습니다. 권한이 있는 사람에게만 공유하세요.",
        back="{host}(으)로 돌아가기",
    ),
    "ja": Words(
        ready_subject="完了: {name}",
        failed_subject="失敗: {name}",
        ready="{name} の準備ができました: {pages}、{size}。",
        ready_in_volumes="{name} の準備ができました: {pages}、全{volumes}巻、{size}。",
        page="{count}ページ",
        pages="{count}ページ",
        file="ファイル: {name}",
        index="目次: {name}",
        unreadable="入力 {records} 件のうち {count} 件を読み取れませんでした:",
        more="ほか {count} 件",
        note="注記: {text}",
        more_notes="ほか {count} 件の注記",
        failed="{moment} に依頼された {name} を作成できませんでした。",
        download="ダウンロード",
        index_of_volumes="全巻の目次",
        volume="全{count}巻の第{number}巻 ({first}-{last}ページ、{size})",
        all_volumes="全{count}巻",
        until="{day}まで利用できます。",
        sign_in="サインインが必要です。",
        signed="このリンクを知っている人は誰でもファイルを開けます。閲覧を許可された人とだけ共有してください。",
        back="{host} に戻る",
    ),
}
