/** Every word of the page in both languages. `{name}` and the like are filled in by text(). */
const STRINGS = {
  en: {
    title: "What is in this picture?",
    lead: "Show it a picture and it names what it sees, in English and Chinese.",
    language: "Language",
    picture: "Picture",
    drop: "Drop a picture anywhere on this page",
    paste: "or paste one with Ctrl+V or ⌘V",
    touch: "Choose a picture or take a photo",
    choose: "Choose a picture",
    chooseAnother: "Choose another",
    photo: "Take a photo",
    formats:
      "JPEG, PNG or WebP. A large picture is made smaller in your browser before it is sent.",
    previewOf: "Preview of {name}",
    noPreview: "This browser can’t show this format, but the service can read it.",
    photoBy: "by {author}",
    publicDomain: "public domain",
    onlyFirst: "the first of {count} files; one at a time, please",
    answer: "Answer",
    retry: "Try again",
    key: "Access key",
    useKey: "Use this key",
    samples: "Or try one of these",
    about:
      "A ResNet-18 network that knows 1,000 kinds of things: animals, plants, food, vehicles, tools and more. It does not know people or places by name.",
    idle: "The three best guesses appear here.",
    preparing: "Preparing the picture…",
    classifying: "Looking at the picture…",
    waiting_busy: "The service is busy, trying again in {seconds} s…",
    waiting_unavailable: "The service is starting, trying again in {seconds} s…",
    sureWhy:
      "Confidence {percent}. It knows only 1,000 kinds of things and can be wrong even when it seems sure.",
    notSure: "Not sure",
    notSureWhy:
      "Its best guess reaches only {percent}. It knows only 1,000 kinds of things, and this may be none of them. The closest are:",
  },
  zh: {
    title: "图片里是什么？",
    lead: "给它一张图片，它会用中文和英文说出看到了什么。",
    language: "语言",
    picture: "图片",
    drop: "把图片拖到本页任意位置",
    paste: "或按 Ctrl+V / ⌘V 粘贴图片",
    touch: "选择一张图片，或拍一张照片",
    choose: "选择图片",
    chooseAnother: "换一张图片",
    photo: "拍照",
    formats: "支持 JPEG、PNG 和 WebP。较大的图片会先在浏览器中缩小再上传。",
    previewOf: "预览：{name}",
    noPreview: "浏览器无法显示这种格式，但服务可以识别。",
    photoBy: "作者：{author}",
    publicDomain: "公有领域",
    onlyFirst: "共 {count} 个文件，每次只识别第一个",
    answer: "识别结果",
    retry: "重试",
    key: "访问密钥",
    useKey: "使用此密钥",
    samples: "或试试这些图片",
    about:
      "使用 ResNet-18 网络，认识 1,000 种事物：动物、植物、食物、交通工具、日用品等。它不认识具体的人和地点。",
    idle: "最可能的三个答案会显示在这里。",
    preparing: "正在准备图片……",
    classifying: "正在识别……",
    waiting_busy: "服务繁忙，{seconds} 秒后自动重试……",
    waiting_unavailable: "服务正在启动，{seconds} 秒后自动重试……",
    sureWhy: "可信度 {percent}。它只认识 1,000 种事物，看似很有把握时也可能出错。",
    notSure: "不太确定",
    notSureWhy:
      "最佳答案的可信度只有 {percent}。它只认识 1,000 种事物，这张图片可能不在其中。最接近的是：",
  },
};

/** A sentence for every word a Problem can have: what happened and what to do. */
const PROBLEMS = {
  en: {
    // The service's (handler/errors.py)
    bad_request: "The service could not read the request. Choose the picture once more.",
    empty_body: "The file is empty. Choose another picture.",
    bad_multipart: "The picture arrived in a damaged form. Reload the page and choose it once more.",
    bad_json: "The picture arrived as unreadable JSON. Reload the page and choose it once more.",
    bad_base64: "The picture arrived as unreadable base64. Reload the page and choose it once more.",
    bad_top_k: "The page asked for an impossible number of guesses. Reload it and try again.",
    too_many_pixels: "The picture has more than 50 million pixels. Choose or save a smaller copy.",
    unsupported_format:
      "The service can’t read this format. Save the picture as JPEG, PNG or WebP and choose the copy.",
    corrupt_picture:
      "The picture is damaged or incomplete. Open it in a picture viewer, save it again and choose the new file.",
    internal_error: "The service failed on this picture. Try again, or choose another picture.",
    // The gateway's (deploy/Caddyfile)
    body_too_large:
      "The file is over 5 MB and this browser could not make it smaller. Save a smaller copy and choose that.",
    length_required:
      "Something between this browser and the service changed the upload. Reload the page, or use another network.",
    method_not_allowed: "The service did not accept this kind of request. Reload the page and try again.",
    not_found: "The recogniser is not at its address. Reload the page, or come back later.",
    busy: "The service has more pictures waiting than it takes. Wait a moment and try again.",
    unavailable: "The service is starting or stopped. Wait a moment and try again.",
    unauthorized: "This service needs an access key. Enter the one its operator gave you.",
    wrong_host:
      "The service is not known by the name in this page’s address. Use its IP address, or ask its operator to allow the name.",
    incomplete_body: "The picture arrived only in part. Check your connection and try again.",
    // The page's
    network: "The service can’t be reached. Check your connection and try again.",
    timeout: "There was no answer within a minute. Check your connection and try again.",
    bad_answer: "The answer could not be understood. Try again in a moment.",
    unexpected: "The service gave an unexpected answer ({status}). Try again in a moment.",
    wrong_key: "The service did not accept this key. Check it and enter it once more.",
    page_error: "Something went wrong in this page. Reload it and try again.",
    heic: "“{name}” is a HEIC photo, a format the service can’t read. Export it as JPEG in your photo app and choose the copy.",
    svg: "“{name}” is an SVG drawing, not a photo. Export it as PNG, or take a screenshot, and choose that.",
    not_a_picture:
      "“{name}” is not a picture, or in a format the service can’t read. Choose a JPEG, PNG or WebP file.",
    unreadable: "“{name}” can’t be read: it is a folder, or was moved or changed. Choose a file once more.",
    nothing_dropped: "What you dropped is not a file. Save the picture first, then drop the saved file.",
    nothing_pasted: "There is no picture in the clipboard. Copy a picture itself, not its address, and paste again.",
  },
  zh: {
    bad_request: "服务无法读取这次请求。请重新选择图片。",
    empty_body: "文件是空的。请选择其他图片。",
    bad_multipart: "上传的表单已损坏。请刷新页面后重新选择图片。",
    bad_json: "上传的 JSON 无法读取。请刷新页面后重新选择图片。",
    bad_base64: "上传的 base64 数据无法读取。请刷新页面后重新选择图片。",
    bad_top_k: "页面请求的答案数量无效。请刷新页面后重试。",
    too_many_pixels: "图片超过 5,000 万像素。请选择或另存一张较小的图片。",
    unsupported_format: "服务无法读取这种格式。请将图片另存为 JPEG、PNG 或 WebP 后再选择。",
    corrupt_picture: "图片已损坏或不完整。请用看图软件打开并重新保存，再选择新文件。",
    internal_error: "服务处理这张图片时出错。请重试，或换一张图片。",
    body_too_large: "文件超过 5 MB，浏览器又无法将其缩小。请另存一张较小的图片再选择。",
    length_required: "上传内容在途中被改动。请刷新页面，或换一个网络再试。",
    method_not_allowed: "服务不接受这种请求。请刷新页面后重试。",
    not_found: "找不到识别服务。请刷新页面，或稍后再来。",
    busy: "等待识别的图片太多。请稍候再重试。",
    unavailable: "服务正在启动或已停止。请稍候再重试。",
    unauthorized: "此服务需要访问密钥。请输入管理员提供的密钥。",
    wrong_host: "服务不接受本页地址中的名称。请改用 IP 地址，或请管理员允许这个名称。",
    incomplete_body: "图片只上传了一部分。请检查网络后重试。",
    network: "无法连接到服务。请检查网络后重试。",
    timeout: "一分钟内没有收到答复。请检查网络后重试。",
    bad_answer: "无法理解服务的答复。请稍后重试。",
    unexpected: "服务给出了意外的答复（{status}）。请稍后重试。",
    wrong_key: "服务不接受这个密钥。请核对后重新输入。",
    page_error: "页面出错了。请刷新后重试。",
    heic: "“{name}”是 HEIC 照片，服务无法读取这种格式。请在相册应用中导出为 JPEG，再选择导出的文件。",
    svg: "“{name}”是 SVG 矢量图，不是照片。请导出为 PNG 或截图后再选择。",
    not_a_picture: "“{name}”不是图片，或格式无法读取。请选择 JPEG、PNG 或 WebP 文件。",
    unreadable: "无法读取“{name}”：它是文件夹，或已被移动、修改。请重新选择文件。",
    nothing_dropped: "拖进来的不是文件。请先保存图片，再拖入保存好的文件。",
    nothing_pasted: "剪贴板里没有图片。请复制图片本身（而不是图片地址）后再粘贴。",
  },
};

export function text(language, key, values = {}) {
  return fill(STRINGS[language][key], values);
}

export function problemText(language, { type, values }) {
  return fill(PROBLEMS[language][type], values);
}

export function hasProblemText(type) {
  return Object.hasOwn(PROBLEMS.en, type ?? "");
}

function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
